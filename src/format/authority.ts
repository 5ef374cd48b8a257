/**
 * The tag inside records that delete: the last 32 bytes of their content, made with the admin key
 * over all before. Whoever deletes or forgets takes a record with another tag for absent.
 */
import { Failure } from "../base/failure.ts";

const TAG = 32;

/** Room for the tag, at the end of what is encoded. */
export const UNTAGGED = Buffer.alloc(TAG);

/** What the tag is made over. */
export function tagged(content: Buffer): Buffer {
  if (content.length <= TAG) throw new Failure("damaged", "a record with a tag is cut short");
  return content.subarray(0, content.length - TAG);
}

export function tagOf(content: Buffer): Buffer {
  return content.subarray(content.length - TAG);
}

/** The content with its tag in place. */
export function withTag(content: Buffer, tag: Buffer): Buffer {
  return Buffer.concat([tagged(content), tag]);
}
