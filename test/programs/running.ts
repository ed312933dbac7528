// SPDX-License-Identifier: Apache-2.0
import type { PNG } from 'pngjs';
import { GuestError, type ScriptResult, withTimeout } from '../vm/harness/index.ts';
import { changedPixels, strongColours } from './pictures.ts';
import type { ProgramGuest } from './program-guest.ts';
import type { Mode, Program } from './programs.ts';

/** Milliseconds that a program may take to show a picture, on a slow machine. */
const SHOWS_WITHIN = 240_000;
/** Milliseconds in which a picture that moves has changed. */
const MOVES_WITHIN = 30_000;
/** Milliseconds that a program may take to close. */
const CLOSES_WITHIN = 60_000;
/** Where the id of its process is told: what runs it becomes it. */
const PID = '/tmp/program.pid';
/** Strong colours of what our cameras show, and pixels of it that change from one second to the next. */
const COLOURS = 5;
const CHANGED = 200;
const PAUSE = 500;

/** A program that runs in a guest. */
export class Running {
  readonly #guest: ProgramGuest;
  readonly #program: Program;
  #ended: ScriptResult | undefined;
  readonly #end: Promise<void>;

  constructor(guest: ProgramGuest, program: Program, mode?: Mode) {
    this.#guest = guest;
    this.#program = program;
    this.#end = guest.run(`echo $$ > ${PID}; rm -rf /tmp/now*; ${program.run(mode)}`).then((result) => {
      this.#ended = result;
    });
    this.#end.catch(() => {});
  }

  /** How it ended by itself; undefined while it runs. */
  get ended(): ScriptResult | undefined {
    return this.#ended;
  }

  /** Does what a person does to see a picture. */
  async begin(): Promise<void> {
    if (this.#program.begin !== undefined) await this.#guest.must(this.#program.begin, SHOWS_WITHIN);
  }

  /** Waits for a picture in which our camera is to be seen. Throws `GuestError` if it ends, or none comes. */
  async shows(within = SHOWS_WITHIN): Promise<PNG> {
    return await this.#look('shows no picture', within, (picture) => strongColours(picture) >= COLOURS);
  }

  /** Waits for one that differs from one before. */
  async moves(before: PNG): Promise<PNG> {
    return await this.#look(
      'stands still',
      MOVES_WITHIN,
      (picture) => strongColours(picture) >= COLOURS && changedPixels(before, picture) >= CHANGED,
    );
  }

  /** Whether it shows moving pictures within that time, without failing where it does not. */
  async goesOn(): Promise<boolean> {
    try {
      await this.moves(await this.shows(MOVES_WITHIN));
      return true;
    } catch (error) {
      if (error instanceof GuestError) return false;
      throw error;
    }
  }

  /** Asks it to end, and waits until it has. Throws `GuestError` if it does not. */
  async close(): Promise<void> {
    await this.#guest.run(`kill $(cat ${PID})`);
    await withTimeout(this.#end, CLOSES_WITHIN, () => `${this.#program.name} does not close`);
  }

  /** The same of one whose camera was away; whether it had to be killed. */
  async closeBereft(): Promise<boolean> {
    if (this.#program.hangs !== true) {
      await this.close();
      return false;
    }
    await this.#guest.run(`kill -KILL $(cat ${PID})`);
    await this.#end;
    return true;
  }

  async #look(otherwise: string, within: number, enough: (picture: PNG) => boolean): Promise<PNG> {
    const deadline = performance.now() + within;
    let colours = 0;
    while (performance.now() < deadline) {
      if (this.#ended !== undefined) {
        const { status, stdout, stderr } = this.#ended;
        throw new GuestError(`${this.#program.name} ended with status ${status}\n${stdout}${stderr}`);
      }
      const picture = await this.#guest.picture(this.#program.picture);
      if (picture !== undefined && enough(picture)) return picture;
      if (picture !== undefined) colours = strongColours(picture);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    throw new GuestError(`${this.#program.name} ${otherwise} (${colours} strong colours)`);
  }
}
