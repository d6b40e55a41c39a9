import { z } from "zod";

/**
 * Text that people write and others read: aliases, ids, labels, tags. One schema for all of it, since what a database, a
 * log, a terminal or a page chokes on is the same everywhere: NUL, controls, lone surrogates, bidi and zero-width characters.
 */
// oxlint-disable-next-line no-control-regex -- controls are what it refuses
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u061c\u180e]|\p{Cs}/u;
// The joiner inside an emoji (family, flag) is part of what people see as one character.
const joinerInEmoji = /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})/gu;

/** NFC text of `min`…`max` code points and at most four bytes for each, free of characters that do not show. */
export function text(min: number, max: number): z.ZodType<string, string> {
  return z
    .string()
    .transform((value) => value.normalize("NFC"))
    .superRefine((value, issue) => {
      const length = Array.from(value).length; // code points
      if (length < min) issue.addIssue({ code: "custom", message: min === 1 ? "is empty" : `has ${length} characters; at least ${min} are needed` });
      if (length > max) issue.addIssue({ code: "custom", message: `has ${length} characters; at most ${max} are kept` });
      else if (new TextEncoder().encode(value).length > max * 4) issue.addIssue({ code: "custom", message: `is longer than ${max * 4} bytes` });
      if (unprintable.test(value.replace(joinerInEmoji, ""))) {
        issue.addIssue({ code: "custom", message: "has a character that does not print (a control, line break, zero-width or direction mark); remove it" });
      }
    });
}
