import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scrub } from "./scrub.ts";

test("every copy is overwritten by as many stars, and nothing else changes", () => {
  expect(scrub("key sk-test-1 and sk-test-1.", ["sk-test-1"])).toBe("key ********* and *********.");
});

test("the longest secret goes first, so that no rest of it is left", () => {
  expect(scrub("abcdefgh abcd", ["abcd", "abcdefgh"])).toBe("******** ****");
});

test("secrets under 8 characters are masked too, and an empty one changes nothing", () => {
  expect(scrub("pin 42!", ["42", ""])).toBe("pin **!");
});

test("a secret that looks like a pattern or a replacement is taken literally", () => {
  expect(scrub("a.b axb $& $1", ["a.b", "$&", "$1"])).toBe("*** axb ** **");
});

test("no secret remains, and the length stays", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }), { maxLength: 5 }), fc.string({ unit: fc.constantFrom("a", "b", "c", " "), maxLength: 40 }), (secrets, text) => {
      const clean = scrub(text, secrets);
      expect(clean).toHaveLength(text.length);
      for (const secret of secrets) expect(clean).not.toContain(secret);
    }),
  );
});
