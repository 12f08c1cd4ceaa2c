#!/usr/bin/env node
// Cuts the field sets that the tests need out of the Elastic Common Schema.
//
//     npm pack @elastic/ecs@9.4.0 && tar xzf elastic-ecs-9.4.0.tgz
//     node cut.mjs package/generated/ecs_flat.js > fields.json
import { createRequire } from "node:module";
import { resolve } from "node:path";

const sets = ["cloud", "ecs", "event", "group", "http", "observer", "related", "service", "source", "url", "user", "user_agent"];
const { EcsFlat } = createRequire(import.meta.url)(resolve(process.argv[2]));
const fields = {};
for (const [name, field] of Object.entries(EcsFlat).sort(([a], [b]) => (a < b ? -1 : 1))) {
  if (name.includes(".") && !sets.includes(name.split(".")[0])) continue;
  fields[name] = { type: field.type };
  if (field.normalize.includes("array")) fields[name].array = true;
  if (field.allowed_values) {
    fields[name].values = Object.fromEntries(field.allowed_values.map((v) => [v.name, v.expected_event_types ?? []]));
  }
}
const lines = Object.entries(fields).map(([name, field]) => `  ${JSON.stringify(name)}: ${JSON.stringify(field)}`);
console.log(`{\n "version": "9.4.0",\n "fields": {\n${lines.join(",\n")}\n }\n}`);
