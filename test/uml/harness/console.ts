// SPDX-License-Identifier: Apache-2.0

/** How much of a console is kept. */
const LIMIT = 1 << 20;
const TAIL = 30;

/** Words with which a kernel tells that something is wrong with it. */
const COMPLAINT = /\b(BUG|WARNING|Oops|Kernel panic|Kernel mode fault|UBSAN|KASAN|hung task|stall|Call Trace|Bad page)\b/;
const NO_COMPLAINT = /ommand line:|not a bug/;
/** vivid's thread says so, with a trace, when the machine kept it waiting for longer than a frame. */
const LATE = /schedule_timeout: wrong timeout value/;

/** What the console of a kernel has shown. */
export class ConsoleLog {
  #text = '';

  take(text: string): void {
    this.#text = (this.#text + text).slice(-LIMIT);
  }

  get text(): string {
    return this.#text;
  }

  /** The last lines, for the message of an error. */
  get tail(): string {
    return this.#text
      .split('\n')
      .slice(-TAIL)
      .map((line) => `  ${line.trimEnd()}\n`)
      .join('');
  }

  /** Lines that tell of a fault of the kernel, but those that are expected, each with the trace that follows it. */
  complaints(expected: readonly RegExp[] = []): readonly string[] {
    let traced = false;
    return this.#text
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => {
        if ([LATE, ...expected].some((pattern) => pattern.test(line))) {
          traced = true;
          return false;
        }
        if (!COMPLAINT.test(line) || NO_COMPLAINT.test(line)) return false;
        const own = traced && line.includes('Call Trace');
        if (own) traced = false;
        return !own;
      });
  }
}
