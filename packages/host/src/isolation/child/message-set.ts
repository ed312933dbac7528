// SPDX-License-Identifier: Apache-2.0
import { ChildProtocolError } from './child-protocol-error.ts';

/** Kinds of messages by name, each with the names of its numbers. The last name may begin with `...`: a list, called `rest`. */
export type MessageTable = Readonly<Record<string, readonly string[]>>;

/** A message of a table, as an object: `kind`, its numbers by name, and `rest`. */
export type MessageOf<T extends MessageTable> = {
  [K in keyof T & string]: { readonly kind: K; readonly rest?: readonly number[] } & {
    readonly [F in T[K][number] as F extends `...${string}` ? never : F]: number;
  };
}[keyof T & string];

/** The messages of one direction of a protocol, between their two shapes: objects and lists of numbers. */
export class MessageSet<T extends MessageTable> {
  readonly #kinds: readonly { readonly kind: string; readonly fields: readonly string[]; readonly list: boolean }[];
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(table: T) {
    this.#kinds = Object.entries(table).map(([kind, names]) => ({
      kind,
      fields: names.filter((name) => !name.startsWith('...')),
      list: names.some((name) => name.startsWith('...')),
    }));
    this.#numbers = new Map(this.#kinds.map(({ kind }, number) => [kind, number]));
  }

  /** The numbers of a message. */
  encode(message: MessageOf<T>): number[] {
    const number = this.#numbers.get(message.kind) ?? -1;
    const fields = this.#kinds[number]?.fields ?? [];
    const values = message as unknown as Readonly<Record<string, number>>;
    return [number, ...fields.map((name) => values[name] ?? Number.NaN), ...(message.rest ?? [])];
  }

  /** The message that the numbers say. Throws ChildProtocolError if they are none of this set; the values are for the caller to check. */
  decode(numbers: readonly number[]): MessageOf<T> {
    const found = this.#kinds[numbers[0] ?? -1];
    const rest = numbers.length - 1 - (found?.fields.length ?? 0);
    if (found === undefined || rest < 0 || (rest > 0 && !found.list)) {
      throw new ChildProtocolError(`message [${numbers.join(', ')}] is of no known kind`);
    }
    const message: Record<string, unknown> = { kind: found.kind };
    for (const [i, name] of found.fields.entries()) message[name] = numbers[i + 1];
    if (found.list) message.rest = numbers.slice(found.fields.length + 1);
    return message as MessageOf<T>;
  }
}
