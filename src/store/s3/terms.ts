/** For how long what is put stays locked. */
import { Failure } from "../../base/failure.ts";
import type { S3Settings } from "./credentials.ts";

const DAY = 86_400_000;
const MOST_DAYS = 3650;

export interface Terms {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  /** Milliseconds that every object stays locked at least. */
  readonly promised: number;
}

/** What the settings ask for; null where nothing is locked. */
export function termsOf({ lockDays, lockMode = "governance" }: S3Settings): Terms | null {
  if (lockDays === undefined) return null;
  if (!(Number.isSafeInteger(lockDays) && lockDays > 0 && lockDays <= MOST_DAYS)) {
    throw new Failure("config", `lockDays: ${lockDays}: it is 1 to ${MOST_DAYS}`);
  }
  if (lockMode !== "governance" && lockMode !== "compliance") {
    throw new Failure("config", `lockMode: ${lockMode}: it is governance or compliance`);
  }
  const mode = lockMode === "compliance" ? "COMPLIANCE" : "GOVERNANCE";
  return { mode, promised: lockDays * DAY };
}

/** Until when what is locked now stays so: a third longer than promised. */
export const untilOf = ({ promised }: Terms, now: number) =>
  now + promised + Math.ceil(promised / 3);

/** A time as S3 writes it. */
export const written = (time: number) => new Date(time).toISOString().replace(/\.\d{3}/, "");
