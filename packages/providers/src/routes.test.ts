import { expect, test } from "vitest";
import { kinds, routeTable } from "./routes.ts";

const { create, read, list, manage, inference } = kinds;
const route = routeTable([
  ["GET", "/v1/things/**", "things.get", read],
  ["*", "/v1/admin/**", "admin", manage],
  ["GET", "/v1/things/{id}/parts", "things.parts.list", list],
  ["GET", "/v1/things", "things.list", list],
  ["POST", "/v1/things", "things.create", create],
  ["GET", "/v1/things/{id}.json", "things.json", read],
  ["POST", "/v1/ask", "ask", inference],
]);

test.each([
  ["GET", "/v1/things", "things.list"],
  ["POST", "/v1/things", "things.create"],
  ["GET", "/v1/things/1", "things.get"],
  ["GET", "/v1/things/1/2/3", "things.get"],
  ["GET", "/v1/things/1/parts", "things.parts.list"],
  ["GET", "/v1/things/1.json", "things.json"],
  ["DELETE", "/v1/admin/users/1", "admin"],
])("%s %s is %s: the most exact line wins, whatever the order", (method, path, operation) => {
  expect(route(method, path)?.operation).toBe(operation);
});

test.each([
  ["GET", "/v1/things/"],
  ["GET", "/v1/thingsx"],
  ["GET", "/x/v1/things"],
  ["PUT", "/v1/things"],
  ["get", "/v1/things"],
  ["GET", "/v1/admin"],
  ["GET", "/v1/thingsXjson"],
])("%s %s is unknown", (method, path) => {
  expect(route(method, path)).toBeNull();
});

test("a route cannot be changed by who is given it", () => {
  expect(Object.isFrozen(route("POST", "/v1/ask"))).toBe(true);
  expect(Object.isFrozen(route("GET", "/v1/things/1"))).toBe(true);
});
