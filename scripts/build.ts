/** `npm run build`: dist/lessee.cjs, and beside it the licences of what is in it. */
import { bundle } from "./bundle.ts";

await bundle("dist/lessee.cjs");
