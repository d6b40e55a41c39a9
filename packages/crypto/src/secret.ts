/**
 * A value that does not print. Redaction is by construction: whoever wants the value says `reveal()`, and a test lists
 * the files that may. String conversion, JSON, `util.inspect`, spread and structured clone give nothing away.
 */
const shown = "[secret]";

export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The only way out. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.toPrimitive](): string {
    return shown;
  }

  get [Symbol.toStringTag](): string {
    return "Secret";
  }

  // Node's inspect looks for this symbol; naming it by `Symbol.for` keeps the file free of Node.
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return shown;
  }
}
