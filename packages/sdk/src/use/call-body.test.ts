import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { formModel, jsonObject } from "./call-body.ts";

describe("jsonObject", () => {
  it("reads every JSON object as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom("", " ", "\n\t"), (value, before) => {
        const text = before + JSON.stringify(value);
        expect(jsonObject(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is undefined for what is no object, or no JSON", () => {
    for (const text of ["", "[1]", '"x"', "1", "{", "form=1", "{]"]) expect(jsonObject(Buffer.from(text))).toBeUndefined();
  });

  it("B-50: a top-level name that stands twice is refused, in any spelling; one further down is the provider's matter", () => {
    for (const text of ['{"model":"a","model":"b"}', '{"model":"a","mod\\u0065l":"b"}', '{"a":{"x":[1,{"b":2}]},"c":"}","a":1}']) {
      expect(() => jsonObject(Buffer.from(text))).toThrow(InvalidInputError);
    }
    expect(jsonObject(Buffer.from('{"a":{"x":1,"x":2},"x":3}'))).toMatchObject({ x: 3 });
  });
});

describe("formModel", () => {
  const part = (name: string, value: string): string => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const type = "multipart/form-data; boundary=b";
  it("finds the model of a form, and refuses two different ones", () => {
    expect(formModel(Buffer.from(`${part("file", "x")}${part("model", "whisper-1")}--b--`), type)).toBe("whisper-1");
    expect(formModel(Buffer.from(`${part("file", "x")}--b--`), type)).toBeUndefined();
    expect(formModel(Buffer.from(part("model", "whisper-1")), "application/json")).toBeUndefined();
    expect(() => formModel(Buffer.from(part("model", "a") + part("model", "b")), type)).toThrow(InvalidInputError);
  });
});
