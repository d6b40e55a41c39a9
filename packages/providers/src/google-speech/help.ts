/** What a customer of Google Speech has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const speechHelp: ProviderHelp = {
  keyUrl: "https://console.cloud.google.com/iam-admin/serviceaccounts",
  find: "Create a service account, open Keys, add a key of the type JSON, and paste the whole file. An API key from Credentials works for the first versions of both products, though some keys are refused.",
  permissions: "The role Cloud Speech Client (roles/speech.client) for recognition; synthesis needs no role, only the Text-to-Speech API enabled. Recognition needs the Speech-to-Text API enabled.",
  checked: "The account is exchanged for a token, which proves its key; then the voices are listed and the recognizers, both free. One product that answers proves the key, and the note says what the other lacks. An API key is proved at recognition by an empty request, which is refused for its emptiness.",
  counted: "The seconds that Google bills for recognition; the characters of what is spoken, SSML tags included, but not <mark>.",
  limits: [
    "Recognition v2 needs a service account and its project.",
    "Prices are Google's lists of an earlier year and depend on the voice's name; set your own where they matter.",
    "Long-running recognition and batches tell their seconds only in the operation that is fetched later.",
    "With an operator's base URL the SDKs work in their REST mode, which has no streaming recognition.",
  ],
  rotate: "Add a second JSON key to the same account, rotate here, then delete the old key by its id.",
};
