/** A service account for Vertex AI, with the location and project to use it in; or an API key of its express mode. */
import { z } from "zod";
import { identifierField } from "../credentials.ts";
import { googleApiKeyField } from "../google/api-key.ts";
import { oneOfTwo } from "../google/either-key.ts";
import { accountOf, serviceAccountField } from "../google/service-account.ts";
import type { CredentialFault, CredentialSchema } from "../credentials.ts";
import type { KeyData } from "../key-data.ts";
import { isLocation } from "./hosts.ts";

/** What cannot be seen is named by the checks of every field. */
const visible = /^[\x21-\x7e]+$/;

const locationFault = (location: string): CredentialFault | undefined =>
  visible.test(location) && !isLocation(location) ? { problem: "not_a_location", message: "is no location of Google Cloud, such as europe-west4, us, eu or global. Choose one, or leave it out." } : undefined;

/** It stands in paths, so nothing passes that could leave its segment. */
const projectFault = (project: string): CredentialFault | undefined =>
  visible.test(project) && !/^[a-z0-9][a-z0-9:.-]*$/i.test(project) ? { problem: "wrong_kind", message: "is no id of a Google project. Copy it from the console, or leave it out." } : undefined;

/** `baseUrl`: an operator's, on which a `token_uri` may lie. */
export function vertexCredentials(baseUrl?: string): CredentialSchema<"vertex"> {
  return z
    .strictObject({
      serviceAccount: serviceAccountField(baseUrl).optional(),
      location: identifierField("a location such as europe-west4", { title: "Location", description: "Where models run; global where none is given." }, locationFault).optional(),
      project: identifierField("the project's id", { title: "Project", description: "The service account's own where none is given." }, projectFault).optional(),
      apiKey: googleApiKeyField("vertex", "Instead of a service account: a key of Vertex AI's express mode.").optional(),
    })
    .check(oneOfTwo(["location", "project"]))
    .check((context) => {
      const { serviceAccount, project } = context.value;
      if (context.issues.length > 0 || serviceAccount === undefined || project !== undefined || accountOf(serviceAccount).projectId !== undefined) return;
      context.issues.push({ code: "custom", path: ["project"], message: "is missing, and the service account names none. Give the project's id.", params: { problem: "missing" }, input: undefined });
    })
    .transform(({ serviceAccount, location, project, apiKey }): KeyData<"vertex"> => {
      // The checks above left exactly one of the two.
      if (serviceAccount === undefined) return { apiKey: apiKey ?? "" };
      return { serviceAccount, ...(location !== undefined && { location }), ...(project !== undefined && { project }) };
    });
}
