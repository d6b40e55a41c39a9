/** What a customer of Deepgram has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const deepgramHelp: ProviderHelp = {
  keyUrl: "https://console.deepgram.com/",
  find: "Choose the project, open API keys and create one. It is shown once. A temporary token (a JWT) is no key.",
  permissions: "The scope usage:write is enough to transcribe and speak. project:read lets the check find the project, billing:read its balance.",
  checked: "GET /v1/projects, which is free; a key that may not is alive and narrow. The balance is asked for beside it. The list of models is public and proves nothing.",
  counted: "Seconds of audio, each channel where they are transcribed apart; characters of speech, from a header of the answer; tokens of summaries and topics. What is asked for with a callback is told when the callback comes.",
  limits: [
    "Limits are on requests under way at once, and the project's: a second key of the same project gains nothing.",
    "Credit is the project's, and an empty list of balances does not mean that there is none.",
    "Regions (eu, au, in) take the same keys and have no Whisper.",
    "The voice agent tells no usage of its own.",
  ],
  rotate: "Create a second key in the same project, rotate here, then delete the old one by its id, which is shown only when a key is made or listed.",
};
