/** What TypeScript reads of an object's header; the rest is checked where keys are. */

/** Where the header says the type of its object. */
export const TYPE_OFFSET = 8;
/** The type of an end; claims lie in the same folder. */
export const END = 11;
