/** What TypeScript reads of an object's header; the rest is checked where keys are. */

/** Where the header says the type of its object. */
export const TYPE_OFFSET = 8;
/** Types of records that share a folder with others. */
export const TYPES = { claim: 10, end: 11, intent: 12, withdrawn: 13, fence: 14 } as const;
