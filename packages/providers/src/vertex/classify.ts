/** What Vertex AI's refusals mean: those of Google Cloud. */
import { cloudClassifier } from "../google/cloud-classify.ts";

export const classify = cloudClassifier({ name: "Vertex AI", role: "Vertex AI User" });
