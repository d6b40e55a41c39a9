import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requirePlainPath, splitTarget } from "./target.ts";

describe("a path that another reader could take for another one is refused", () => {
  const cases: [what: string, path: string][] = [
    ["climbs", "/v1/../x"],
    ["climbs at the end", "/v1/.."],
    ["stays where it is", "/v1/./x"],
    ["climbs, encoded", "/v1/%2e%2e/x"],
    ["climbs, half encoded", "/v1/.%2E/x"],
    ["climbs over an encoded slash", "/v1/..%2fx"],
    ["hides a slash", "/v1%2Fx"],
    ["climbs with a parameter", "/v1/..;/x"],
    ["climbs with a named parameter", "/v1/..;a=b/x"],
    ["has a backslash", "/v1\\..\\x"],
    ["hides a backslash", "/v1/%5c..%5cx"],
    ["names a host", "//host/x"],
    ["has an empty segment", "/v1//x"],
    ["has an encoded NUL", "/v1/%00"],
    ["has an encoded line break", "/v1/x%0d%0aHost:%20y"],
    ["has an encoded line break in its query", "/v1/x?a=%0d%0a"],
    ["has an encoded DEL", "/v1/%7f"],
    ["has a character beyond ASCII", "/v1/é"],
    ["has a blank", "/v1/a b"],
    ["has a fragment", "/v1/x#y"],
    ["has a broken encoding", "/v1/%zz"],
  ];
  test.each(cases)("it %s: %s", (_what, path) => {
    expect(() => requirePlainPath(path)).toThrow(/nothing was sent/);
  });
});

describe("a path that means one thing passes as it is", () => {
  test.each([
    "/v1/chat/completions",
    "/v1/models/gpt-4o-mini?after=a%2Fb&x=http://y/../z",
    "/2010-04-01/Accounts/AC0123/Messages.json",
    "/v1/%252e%252e/x",
    "/v1/files/...",
    "/v1/a..b",
    "/v1/models/ft:gpt-4o:acme::x1",
    "/v1/%C3%A9",
    "/",
  ])("%s", (path) => {
    expect(() => requirePlainPath(path)).not.toThrow();
  });

  test("and the URL made from it has the same path, whatever the segments", () => {
    const segment = fc.stringMatching(/^[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]{0,12}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const path = `/${segments.join("/")}`;
        expect(() => requirePlainPath(path)).not.toThrow();
        expect(new URL(path, "https://vendor.test").pathname).toBe(path);
      }),
    );
  });
});

describe("the provider is what stands before the second slash", () => {
  test.each([
    ["/proxy/openai/v1/models?x=1", "openai", "/v1/models?x=1"],
    ["/proxy/openai", "openai", "/"],
    ["/proxy/openai?x=1", "openai", "/?x=1"],
    ["/proxy/", "", "/"],
    ["/proxy//host", "", "/host"],
    ["/proxy/openai%00/v1", "openai%00", "/v1"],
    ["/proxy/OPENAI/v1", "OPENAI", "/v1"],
  ])("%s", (target, provider, path) => {
    expect(splitTarget(target)).toEqual({ provider, path });
  });
});
