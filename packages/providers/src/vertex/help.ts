/** What a customer of Vertex AI has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const vertexHelp: ProviderHelp = {
  keyUrl: "https://console.cloud.google.com/iam-admin/serviceaccounts",
  find: "Create a service account, open Keys, add a key of the type JSON, and paste the whole file. Or, for express mode, create an API key in Vertex AI Studio.",
  permissions: "The role Vertex AI User (roles/aiplatform.user) on the project, and the Vertex AI API enabled in it. The account needs no other role: its token could do in Google Cloud whatever its roles allow.",
  checked: "The account is exchanged for a token, which proves its key; then the tokens of one word are counted in the project and location, which is free and proves the API, the role and the place. An express key is proved by counting alone.",
  counted: "What Gemini counts, embeddings by their texts, Claude and open models by their own vendors' counting. Provisioned throughput is marked and costs nothing more.",
  limits: [
    "The location is one of Google's, in a strict form; global is used where none is given. Not every model is served everywhere.",
    "Only accounts of type service_account are taken; federation, impersonation and logins of persons are refused, and no address in the file is obeyed but Google's own (or the operator's).",
    "Express keys can only generate and count; listing models refuses them.",
    "Capacity that all customers share can run out (429 Resource exhausted): another key does not help, another location may.",
    "Access tokens have the account's full rights: browsers get a token of this service instead.",
  ],
  rotate: "Add a second JSON key to the same account, rotate here, then delete the old key by its id; an account holds ten keys at most. A new key can take some seconds to be known everywhere.",
};
