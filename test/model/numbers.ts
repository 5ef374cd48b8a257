/** Numbers for values that are equal by their text. */
export class Numbers<T> {
  readonly values: T[] = [];
  private readonly known = new Map<string, number>();

  of(text: string, value: () => T): number {
    const old = this.known.get(text);
    if (old !== undefined) return old;
    const number = this.known.size;
    this.known.set(text, number);
    // Working out the value may number others, after this one.
    this.values[number] = value();
    return number;
  }
}
