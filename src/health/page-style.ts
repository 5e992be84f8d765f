import { html } from "./html.ts";

/** The look of the status page: one column on a phone, light or dark as the reader has it. */
export const STYLE = html`
:root{color-scheme:light dark;
--page:light-dark(#f4f5f7,#101318);--card:light-dark(#fff,#191d24);--ink:light-dark(#1b1f27,#e7eaf0);
--soft:light-dark(#5b6472,#98a2b3);--line:light-dark(#e1e4ea,#2a303a);--track:light-dark(#e8ebf0,#272d37);
--good:light-dark(#12805c,#3ecf8e);--warn:light-dark(#a15c00,#f0b429);--bad:light-dark(#c02637,#ff6b76);
--next:light-dark(#2f5fd0,#7aa2ff)}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:60rem;margin:0 auto;padding:1rem;display:grid;gap:1rem}
h1,h2,p,ul,ol,dl,dd{margin:0}
h2{font-size:.8rem;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--soft)}
h2.path{font:600 1.05rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:0;text-transform:none;
color:var(--ink);overflow-wrap:anywhere}
code{font:.85em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.card,header{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem 1.1rem;display:grid;
gap:.75rem;align-content:start;min-width:0}
header{border-left:.4rem solid var(--mood);gap:.35rem}
header h1{font-size:1.9rem;line-height:1.15;color:var(--mood)}
header.good{--mood:var(--good)}header.warn{--mood:var(--warn)}header.bad{--mood:var(--bad)}header.gone{--mood:var(--soft)}
ul{padding-left:1.1rem;display:grid;gap:.25rem}
li{overflow-wrap:anywhere}
.warnings{border-left:.4rem solid var(--warn)}
.facts,.muted{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
.facts b{color:var(--ink);font-weight:600}
.good{color:var(--good)}.warn,dd.warn{color:var(--warn)}.bad,dd.bad,.error,.clock.bad{color:var(--bad)}
header.good,header.warn,header.bad{color:inherit}
.error{font-size:.9rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem 1rem}
dt{font-size:.8rem;color:var(--soft)}
dd{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.stack{display:grid;gap:1rem;align-content:start;min-width:0}
.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr))}
.held{display:grid;gap:.4rem;--tone:var(--good)}
.held+.held,.credential dl{border-top:1px solid var(--line);padding-top:.75rem}
.candidate{--tone:var(--next)}.retiring{--tone:var(--warn)}.ended{--tone:var(--bad)}
.who{display:flex;flex-wrap:wrap;gap:.3rem .6rem;align-items:center}
.stage{color:var(--tone);background:color-mix(in srgb,var(--tone) 14%,transparent);border-radius:1rem;padding:.05rem .6rem;
font-size:.8rem}
.now{display:flex;justify-content:space-between;align-items:baseline;gap:1rem}
.now span b{font-weight:600}
.held .clock:not(.bad){color:var(--tone)}
.clock{font-size:1.25rem;font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{position:relative;height:.7rem;border-radius:.35rem;background:var(--track);overflow:hidden}
.bar i{position:absolute;top:0;bottom:0;left:0;border-radius:.35rem}
.bar .horizon{background:color-mix(in srgb,var(--tone) 28%,transparent)}
.bar .left{background:var(--tone)}
.bar .due{width:3px;border-radius:0;margin-left:-1.5px;background:var(--ink);box-shadow:0 0 0 1.5px var(--card)}
.file{display:flex;flex-wrap:wrap;gap:.1rem .75rem;align-items:baseline}
.events{list-style:none;padding:0;display:grid;font-size:.9rem}
.events li{display:grid;grid-template-columns:5.5rem 1fr;gap:0 .75rem;padding:.4rem 0;border-top:1px solid var(--line)}
.events li:first-child{border-top:0;padding-top:0}
.events time{color:var(--soft);font-variant-numeric:tabular-nums;grid-row:span 2}
.events p{color:var(--soft);font-size:.82rem}
.events p b{font-weight:500;color:var(--ink)}
.events .warn>b{color:var(--warn)}.events .error>b{color:var(--bad)}
.events li.warn,.events li.error{color:inherit;font-size:inherit}
@media (min-width:40rem){main{padding:1.5rem}}
`;
