/** What the refusals of Google's speech APIs mean: those of Google Cloud. */
import { cloudClassifier } from "../google/cloud-classify.ts";

export const classify = cloudClassifier({ name: "Google Speech", role: "Cloud Speech Client" });
