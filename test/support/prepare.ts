/** Prepares and cuts a folder as whoever runs this; says what was warned of and what was chosen. */
import { bestFreezer } from "../../src/freeze/open.ts";
import { systemRuntime } from "../../src/index.ts";

const [source = ""] = process.argv.slice(2);
const say = (text: string) => process.stdout.write(`${text}\n`);
const runtime = systemRuntime({
  emit: (event) => (event.event === "warning" ? say(event.message) : undefined),
});
await using prepared = await bestFreezer.prepare(runtime, [source], []);
await using view = await prepared.cut([]);
await view.prove();
say(view.kindOf(source));
