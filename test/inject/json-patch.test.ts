/** JSON patches of annotations, as the library of Vault's injector (evanphx/json-patch) takes and refuses them. */
import { describe, expect, it } from "vitest";
import { asContainer } from "../../src/inject/container-shape.ts";
import { applyPatch, parsePatch } from "../../src/inject/json-patch.ts";

const CONTAINER = { name: "vault-agent", image: "x:1", env: [{ name: "A" }, { name: "B" }], lifecycle: {} };

describe("a JSON patch", () => {
  it.each([
    ["null", CONTAINER],
    ["[]", CONTAINER],
    ['[{"op":"add","path":"/env/-1","value":{"name":"C"}}]', { env: [{ name: "A" }, { name: "B" }, { name: "C" }] }],
    ['[{"op":"remove","path":"/env/-1"}]', { env: [{ name: "A" }] }],
    ['[{"op":"add","path":"/env/01","value":{"name":"C"}}]', { env: [{ name: "A" }, { name: "C" }, { name: "B" }] }],
    ['[{"op":"replace","path":"/workingDir","value":"/x"}]', { workingDir: "/x" }],
    ['[{"op":"copy","from":"/env/0","path":"/env/-"}]', { env: [{ name: "A" }, { name: "B" }, { name: "A" }] }],
    ['[{"op":"move","from":"/env/0","path":"/env/-"}]', { env: [{ name: "B" }, { name: "A" }] }],
    ['[{"op":"test","path":"/absent","value":null}]', CONTAINER],
    ['[{"op":"add","path":"/unknown","value":1}]', CONTAINER],
    [
      '[{"op":"add","path":"/resources","value":{"limits":{"memory":"1024Mi","cpu":1}}}]',
      { resources: { limits: { memory: "1Gi", cpu: "1" } } },
    ],
  ])("%s is done", (text, expected) => {
    expect(asContainer(applyPatch(CONTAINER, parsePatch(text)))).toEqual({ resources: {}, ...CONTAINER, ...expected });
  });

  it("replaces a container as a whole", () => {
    const patch = parsePatch('[{"op":"replace","path":"","value":{"image":"y:1"}}]');
    expect(asContainer(applyPatch(CONTAINER, patch))).toEqual({ name: "", image: "y:1", resources: {} });
  });

  it("changes nothing of what it is done to", () => {
    const before = structuredClone(CONTAINER);
    applyPatch(
      CONTAINER,
      parsePatch('[{"op":"add","path":"/env/0/value","value":"x"},{"op":"remove","path":"/image"}]'),
    );
    expect(CONTAINER).toEqual(before);
  });

  it.each([
    ["{}", "json: cannot unmarshal object into Go value of type jsonpatch.Patch"],
    ["[1]", "json: cannot unmarshal number into Go value of type jsonpatch.Operation"],
    ["[[]]", "json: cannot unmarshal array into Go value of type jsonpatch.Operation"],
    ['[{"path":"/x"}]', "failed to apply JSON patch: Unexpected kind: unknown"],
    ["[null]", "failed to apply JSON patch: Unexpected kind: unknown"],
    ['[{"op":"bogus","path":"/x"}]', "failed to apply JSON patch: Unexpected kind: bogus"],
    ['[{"op":"add"}]', "add operation failed to decode path: missing value"],
    ['[{"op":"replace"}]', "replace operation failed to decode path: operation missing path field: missing value"],
    ['[{"op":"test","path":1}]', "decode path: json: cannot unmarshal number into Go value of type string"],
    [
      '[{"op":"move","path":"/x"}]',
      "move operation failed to decode from: operation, missing from field: missing value",
    ],
    ['[{"op":"add","path":"x","value":1}]', 'add operation does not apply: doc is missing path: "x": missing value'],
    [
      '[{"op":"add","path":"/a/b","value":1}]',
      'add operation does not apply: doc is missing path: "/a/b": missing value',
    ],
    [
      '[{"op":"add","path":"/env/9","value":1}]',
      "error in add for path: '/env/9': Unable to access invalid index: 9: ",
    ],
    [
      '[{"op":"add","path":"/env/x","value":1}]',
      "value was not a proper array index: 'x': strconv.Atoi: parsing \"x\"",
    ],
    [
      '[{"op":"remove","path":"/no"}]',
      "error in remove for path: '/no': Unable to remove nonexistent key: no: missing",
    ],
    ['[{"op":"replace","path":"/env/9","value":1}]', "replace operation does not apply: doc is missing key: /env/9: "],
    ['[{"op":"replace","path":"","value":1}]', "replace operation value must be object or array"],
    ['[{"op":"move","from":"/no","path":"/x"}]', "error in move for path: 'no': Unable to remove nonexistent key: no"],
    ['[{"op":"test","path":"/name","value":"x"}]', "testing value /name failed: test failed"],
    ['[{"op":"replace","path":"/args","value":"a"}]', "string into Go struct field Container.args of type []string"],
    ['[{"op":"replace","path":"/args","value":[1]}]', "number into Go struct field Container.args of type string"],
    ['[{"op":"replace","path":"/image","value":{}}]', "object into Go struct field Container.image of type string"],
  ])("%s is refused: %s", (text, words) => {
    expect(() => asContainer(applyPatch(CONTAINER, parsePatch(text)))).toThrow(words);
  });
});
