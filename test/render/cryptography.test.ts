/** Sprig's cryptography; texts, ciphertexts and errors were taken from the real one. */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { compare } from "bcryptjs";
import { describe, expect, it } from "vitest";
import { compileGoTemplate } from "../../src/render/go/engine.ts";
import { executeWhole } from "../../src/render/offline.ts";
import type { TemplateHost } from "../../src/render/template.ts";
import { hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const DAY = 86_400_000;

/** Chance is real here: two keys and two salts are never the same. */
function realHost(): TemplateHost {
  return { ...hostOf(), random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)) };
}

async function render(template: string, host = realHost()): Promise<string> {
  const { output } = await executeWhole(compileGoTemplate(template, optionsOf()), NOTHING_KNOWN, host);
  return new TextDecoder().decode(output);
}

function certificates(text: string): X509Certificate[] {
  return (text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
}

describe("Passwords", () => {
  it.each([
    ['1 "long" "password" "user" "example.com"', "ZedaFaxcZaso9*"],
    ['2 "maximum" "pässword" "üser" "example.com"', "v5!o62KYMJ^F8Jhx)GIo"],
    ['1 "medium" "password" "user" "example.com"', "ZedJuz8$"],
    ['1 "short" "password" "user" "example.com"', "Zed5"],
    ['1 "basic" "password" "user" "example.com"', "pIS54PLs"],
    ['1 "pin" "password" "user" "example.com"', "6685"],
    ['1 "nope" "password" "user" "example.com"', "cannot find password template nope"],
  ])("are derived: %s", async (args, password) => {
    expect(await render(`{{ sprig_derivePassword ${args} }}`)).toBe(password);
  });

  it("are hashed by bcrypt, also for htpasswd", async () => {
    const [hash = "", line = ""] = (
      await render('{{ sprig_bcrypt "pässword" }} {{ sprig_htpasswd "me" "secret" }}')
    ).split(" ");
    expect(hash).toMatch(/^\$2a\$10\$.{53}$/);
    expect(await compare("pässword", hash)).toBe(true);
    expect(line).toMatch(/^me:\$2a\$10\$/);
    expect(await compare("secret", line.slice(3))).toBe(true);
    expect(await render('{{ sprig_htpasswd "a:b" "x" }}')).toBe("invalid username: a:b");
    expect(await render(`{{ sprig_bcrypt "${"x".repeat(73)}" }}`)).toBe(
      "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes",
    );
  });
});

describe("Ciphers", () => {
  it.each([
    ["secretkey", "DCVoHWzK2LM7PIVqEJ2topmIehAqhU3KCvlGQVZcknQ=", "plaintext"],
    [
      "a key of more than thirty-two bytes, cut off",
      "h0EmSLr7MzUIIkb63qdPuTaa9ehhV2I69Z2BXgbG1P6lX0sgrjryxsVpI0Orsyg+WGCjKqPbRkPDdM8v8UsIrg==",
      "a text that is longer than one block",
    ],
  ])("open what the real one has closed with %s", async (key, text, plain) => {
    expect(await render(`{{ sprig_decryptAES "${key}" "${text}" }}`)).toBe(plain);
  });

  it("open what they have closed, and close it another way each time", async () => {
    const close = '{{ "täxt\\x00" | sprig_encryptAES "key" }}';
    const [one, two] = (await render(`${close} ${close}`)).split(" ");
    expect(one).not.toBe(two);
    expect(await render(`{{ sprig_decryptAES "key" "${two}" }}|{{ sprig_encryptAES "key" "" }}`)).toBe("täxt\u0000|");
  });

  it.each([
    ['{{ sprig_decryptAES "k" "YWJj" }}', "the ciphertext is not made of whole blocks"],
    [
      '{{ sprig_decryptAES "other" "DCVoHWzK2LM7PIVqEJ2topmIehAqhU3KCvlGQVZcknQ=" }}',
      "was not made with this password",
    ],
  ])("refuse %s", async (template, message) => {
    await expect(render(template)).rejects.toThrow(message);
  });
});

describe("Keys", () => {
  it.each([
    ["ecdsa", "EC PRIVATE KEY", "ec"],
    ["ed25519", "PRIVATE KEY", "ed25519"],
    ["dsa", "DSA PRIVATE KEY", "dsa"],
    ["rsa", "RSA PRIVATE KEY", "rsa"],
  ])("of %s are PEM of their kind", { timeout: 60_000 }, async (type, label, kind) => {
    const pem = await render(`{{ sprig_genPrivateKey "${type}" }}`);
    expect(pem).toMatch(new RegExp(`^-----BEGIN ${label}-----\n[\\s\\S]+\n-----END ${label}-----\n$`));
    expect(createPrivateKey(pem).asymmetricKeyType).toBe(kind);
  });
});

describe("Certificates", () => {
  const chain = `{{ $ca := sprig_genCA "my ca" 365 }}
{{- $cert := sprig_genSignedCert "foo.com" (sprig_list "10.0.0.1" "::1") (sprig_list "bar.com") 30 $ca }}
{{- $cert.Cert }}{{ $cert.Key }}{{ $ca.Cert }}`;

  it("are signed by an authority that was made for it", async () => {
    const text = await render(chain);
    const [leaf, ca] = certificates(text);
    expect(leaf).toMatchObject({ subject: "CN=foo.com", issuer: "CN=my ca", ca: false });
    expect(leaf?.subjectAltName).toBe("DNS:bar.com, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(leaf?.verify(ca!.publicKey)).toBe(true);
    expect(leaf?.checkIssued(ca!)).toBe(true);
    expect(leaf?.checkPrivateKey(createPrivateKey(text))).toBe(true);
    expect(leaf?.validFromDate.getTime()).toBe(NOW - 678);
    expect(leaf?.validToDate.getTime()).toBe(NOW - 678 + 30 * DAY);
    expect(leaf?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    expect(ca).toMatchObject({ subject: "CN=my ca", issuer: "CN=my ca", ca: true });
    expect(ca?.verify(ca.publicKey)).toBe(true);
  });

  it.each(["ecdsa", "ed25519"])("are made of a key of %s that is given", async (type) => {
    const text = await render(`{{ $key := sprig_genPrivateKey "${type}" }}
{{- $ca := sprig_genCAWithKey "Ünïcode ca" 1 $key }}{{ $own := sprig_genSelfSignedCertWithKey "own" nil nil 1 $key }}
{{- $leaf := sprig_genSignedCertWithKey "leaf" nil nil 1 $ca $key }}{{ $leaf.Cert }}{{ $ca.Cert }}{{ $own.Cert }}{{ $key }}`);
    const [leaf, ca, own] = certificates(text);
    expect(leaf?.verify(ca!.publicKey)).toBe(true);
    expect([leaf?.issuer, own?.issuer]).toEqual(["CN=Ünïcode ca", "CN=own"]);
    expect(own?.verify(createPublicKey(createPrivateKey(text)))).toBe(true);
  });

  it("are taken apart and put together in Base64", async () => {
    const text = await render(`{{ $key := sprig_genPrivateKey "ecdsa" }}{{ $ca := sprig_genCAWithKey "ca" 1 $key }}
{{- $again := sprig_buildCustomCert (base64Encode $ca.Cert) (base64Encode $ca.Key) }}{{ eq $again.Cert $ca.Cert }} {{ eq $again.Key $ca.Key }}`);
    expect(text).toBe("true true");
  });

  const errors: Readonly<Record<string, string>> = {
    '{{ sprig_genSelfSignedCert "x" (sprig_list "1.2.3") nil 1 }}': "error parsing ip: 1.2.3",
    '{{ sprig_genSelfSignedCert "x" (sprig_list "1::2::3") nil 1 }}': "error parsing ip: 1::2::3",
    '{{ sprig_genSelfSignedCert "x" (sprig_list 1) nil 1 }}': "error parsing ip: 1 is not a string",
    '{{ sprig_genSelfSignedCert "x" nil (sprig_list 1) 1 }}': "error processing alternate dns name: 1 is not a string",
    '{{ sprig_genCAWithKey "x" 1 "no" }}': "parsing private key: no PEM data in input",
    '{{ sprig_genCAWithKey "x" 1 "-----BEGIN FOO-----\\nYQ==\\n-----END FOO-----" }}':
      "parsing private key: no private key data in PEM block of type FOO",
    '{{ sprig_genCAWithKey "x" 1 "-----BEGIN FOO PRIVATE KEY-----\\nYQ==\\n-----END FOO PRIVATE KEY-----" }}':
      "parsing private key: invalid private key type FOO PRIVATE KEY",
    '{{ sprig_genCAWithKey "x" 1 "-----BEGIN RSA PRIVATE KEY-----\\nYQ==\\n-----END RSA PRIVATE KEY-----" }}':
      "parsing private key: parsing RSA private key from PEM: ",
    '{{ sprig_genCAWithKey "x" 1 (sprig_genPrivateKey "dsa") }}':
      "error creating certificate: x509: certificate private key does not implement crypto.Signer",
    '{{ sprig_buildCustomCert "!" "" }}': "unable to decode base64 certificate",
    '{{ sprig_buildCustomCert "" "!" }}': "unable to decode base64 private key",
    '{{ $ca := sprig_genCAWithKey "c" 1 (sprig_genPrivateKey "ecdsa") }}{{ sprig_genSignedCertWithKey "x" nil nil 1 "ca" "k" }}':
      "sprig.certificate",
  };
  it.each(Object.entries(errors))("refuse %s", { timeout: 60_000 }, async (template, message) => {
    await expect(render(template)).rejects.toThrow(message);
  });
});

describe("What is drawn by chance", () => {
  const every = `{{ sprig_uuidv4 }} {{ sprig_randAlphaNum 20 }} {{ sprig_randInt 0 1000000000 }} {{ sprig_bcrypt "x" }} {{ sprig_encryptAES "k" "x" }} {{ (sprig_genSelfSignedCert "x" nil nil 10).Cert }}`;

  it("is the same in every evaluation of a template, and another one in another template", async () => {
    const host = realHost();
    const first = await render(every, host);
    expect(await render(every, host)).toBe(first);
    expect(await render(every)).not.toBe(first);
  });

  it("is another one for two calls in one template", async () => {
    const [one, two] = (await render("{{ sprig_uuidv4 }} {{ sprig_uuidv4 }}")).split(" ");
    expect(one).not.toBe(two);
  });

  it("is made anew for other arguments, and forgotten when nobody asks for it any more", async () => {
    const host = realHost();
    const first = await render('{{ sprig_encryptAES "k" "a" }}', host);
    expect(await render('{{ sprig_encryptAES "k" "b" }}', host)).not.toBe(first);
    expect(await render('{{ sprig_encryptAES "k" "a" }}', host)).not.toBe(first);
  });

  it("is made anew when most of a certificate's life is over, and its template is told when", async () => {
    let now = NOW;
    const host = { ...realHost(), now: () => now };
    const template = '{{ (sprig_genSelfSignedCert "x" nil nil 10).Cert }}{{ sprig_uuidv4 }}';
    const first = await render(template, host);
    const due = host.made.next();
    expect(due).toBe(NOW + 9 * DAY);
    now = due - 1;
    expect(await render(template, host)).toBe(first);
    now = due;
    const second = await render(template, host);
    expect(second.slice(0, 100)).not.toBe(first.slice(0, 100));
    expect(second.slice(-36)).toBe(first.slice(-36));
  });
});
