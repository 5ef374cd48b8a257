/** No standing still at all: the sources themselves, and what is read may be of many moments. */
import { statSync } from "node:fs";
import { Failure } from "../base/failure.ts";
import type { Freezer } from "./freezer.ts";

export const live: Freezer = {
  kind: "live",
  async prepare(_, sources) {
    const before = new Map(sources.map((source) => [source, statSync(source).ino]));
    const nothing = async () => undefined;
    return {
      async cut() {
        return {
          kindOf: () => "live",
          still: false,
          at: (source) => source,
          folders: [],
          async prove() {
            const other = sources.find((s) => statSync(s).ino !== before.get(s));
            if (other !== undefined) throw new Failure("not_still", `${other} was replaced`);
          },
          [Symbol.asyncDispose]: nothing,
        };
      },
      [Symbol.asyncDispose]: nothing,
    };
  },
};
