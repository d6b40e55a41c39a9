/** Speech-to-Text v1 and v2, and Text-to-Speech, over REST. Recognizers and phrase sets live in the project. */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, meteredCreate, read, list, catalogue } = kinds;
/** A stored recognizer brings settings of its own; `_` is none. */
const storedInference = { ...inference, stateful: true };

/** A collection kept at the vendor: create, list, and everything below one of its items. */
const collection = (path: string, operation: string): RouteLine[] => [
  ["POST", path, `${operation}.create`, create],
  ["GET", path, `${operation}.list`, list],
  ["GET", `${path}/{id}`, `${operation}.get`, read],
  ["POST", `${path}/{id}`, `${operation}.update`, create],
  ["PATCH", `${path}/{id}`, `${operation}.update`, create],
  ["DELETE", `${path}/{id}`, `${operation}.delete`, create],
];

const firstVersion = (version: string): RouteLine[] => [
  ["POST", `/${version}/speech:recognize`, "speech.recognize", inference],
  ["POST", `/${version}/speech:longrunningrecognize`, "speech.recognize_long", meteredCreate],
  ["GET", `/${version}/operations`, "operations.list", list],
  ["GET", `/${version}/operations/{id}`, "operations.get", read],
  ...collection(`/${version}/projects/{project}/locations/{location}/phraseSets`, "phrase_sets"),
  ...collection(`/${version}/projects/{project}/locations/{location}/customClasses`, "custom_classes"),
];

const voices = (version: string): RouteLine[] => [
  ["POST", `/${version}/text:synthesize`, "text.synthesize", inference],
  ["GET", `/${version}/voices`, "voices.list", catalogue],
  ["POST", `/${version}/projects/{project}/locations/{location}:synthesizeLongAudio`, "text.synthesize_long", meteredCreate],
  ["GET", `/${version}/projects/{project}/locations/{location}/operations`, "operations.list", list],
  ["GET", `/${version}/projects/{project}/locations/{location}/operations/{id}`, "operations.get", read],
];

const second = "/v2/projects/{project}/locations/{location}";

export const speechRoutes = routeTable([
  ...["v1", "v1p1beta1"].flatMap(firstVersion),
  ...["v1", "v1beta1"].flatMap(voices),
  ["POST", `${second}/recognizers/_:recognize`, "speech.recognize", inference],
  ["POST", `${second}/recognizers/{recognizer}:recognize`, "speech.recognize", storedInference],
  ["POST", `${second}/recognizers/{recognizer}:batchRecognize`, "speech.recognize_long", meteredCreate],
  ...collection(`${second}/recognizers`, "recognizers"),
  ...collection(`${second}/phraseSets`, "phrase_sets"),
  ...collection(`${second}/customClasses`, "custom_classes"),
  ["GET", `${second}/operations`, "operations.list", list],
  ["GET", `${second}/operations/{id}`, "operations.get", read],
]);
