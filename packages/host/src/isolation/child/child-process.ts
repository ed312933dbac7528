// SPDX-License-Identifier: Apache-2.0
/**
 * A child process that handles foreign data: it gets the descriptors named here and a socket, nothing else; none of our
 * environment, no channel of Node's. What it says is only numbers (`message.ts`), for its user to check.
 */
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { closeOnExec } from '../../sys/index.ts';
import type { CgroupLeaf } from './cgroup-leaf.ts';
import { childCgroups } from './cgroups.ts';
import { ChildProtocolError } from './child-protocol-error.ts';
import { LINK_FD } from './descriptors.ts';
import { isolation } from './isolation.ts';
import { launch } from './launch.ts';
import { MessageLink } from './message-link.ts';
import { hasLauncher, launched, type Namespace } from './namespaces.ts';

/** Most bytes of a child's stderr that are logged; the rest is read and dropped. */
const MAX_STDERR = 4096;
/** Most bytes that it may write to stderr in STDERR_WINDOW milliseconds. */
const STDERR_BYTES = 2 ** 20;
const STDERR_WINDOW = 10_000;

/** Messages that a child may send: UNASKED at first, ANSWERS more for each message that it gets, and never more than MOST_OWED. */
const UNASKED = 1000;
const ANSWERS = 8;
const MOST_OWED = 100_000;

/** Most bytes that wait for a child that does not read. */
const MAX_BACKLOG = 16 * 2 ** 20;

/** What a child is started with. */
export interface ChildOptions {
  /** the script to run, as named in the sources (`.ts`): the built one is taken where this file itself is built */
  readonly script: URL;
  readonly args?: readonly string[];
  /** descriptors of ours that the child gets as FIRST_GIVEN_FD and following; they stay ours */
  readonly fds: readonly number[];
  /** files that it may open for reading, beside the program's own, by Landlock; its filter has to allow the call. Absent: Landlock is not used */
  readonly files?: readonly string[];
  /** the namespaces of its own that it gets; those that the machine grants unless told otherwise */
  readonly namespaces?: readonly Namespace[];
  /**
   * nice value that the process starts with, CHILD_NICE by default; `yieldThreads` later sets all threads but the first to
   * CHILD_NICE
   */
  readonly nice?: number;
  /** memory limit in bytes, shared memory included; applies if the child has a cgroup of its own, and `allow` raises it */
  readonly memory?: number;
  /** A message came. Whatever is thrown kills the child, and becomes the reason: a ChildProtocolError, or a fault of our own. */
  onMessage(message: readonly number[]): void;
  /** The child and everything that it started have ended: nothing of it writes any more. Called once. */
  onExit(reason: string): void;
  /** A line for the log: what the child wrote to stderr, limited. */
  onText(text: string): void;
}

const permissionFlags = (): string[] => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // Before these versions the permission model is experimental and warns.
  if (major < 22 || (major === 22 && minor < 13) || (major === 23 && minor < 5)) return [];
  return ['--permission', '--allow-addons', '--allow-fs-read=*'];
};

/** Nice value of children: where the processor is short, the event loop and the cameras come before the decoders. */
const CHILD_NICE = 5;

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Sets the nice value of a thread; a process's id is that of its first thread. Threads that it makes later inherit it. */
function setNice(thread: number, nice: number): void {
  try {
    setPriority(thread, nice);
  } catch {
    // The process has ended (its exit event follows), or this process may not lower a nice value below its own.
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, launcher: boolean): string {
  // The launcher is a shell: it ends with 128 plus the number of the signal that ended the child.
  const number = launcher && code !== null ? code - 128 : 0;
  const name = signal ?? Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name === undefined ? `exit code ${code}` : `signal ${name}`;
}

/** Kills a process. False if it is gone, or this process may not kill it. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** What a child that may open files is at first. */
const CONFINED = new URL('./confined/main.ts', import.meta.url);

/** The script as it is here, in the sources or built. */
function scriptPath(script: URL): string {
  const path = fileURLToPath(script);
  return import.meta.url.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js');
}

/** One child, from start to exit. */
export class Child {
  /** Id of the process that was started: the child itself, or the launcher that waits for it. */
  readonly startedPid: number | undefined;
  readonly #launcher: boolean;
  readonly #nice: number;
  /** undefined if the system refused to start it */
  readonly #process: ChildProcess | undefined;
  readonly #link: MessageLink | undefined;
  readonly #cgroup: CgroupLeaf | undefined;
  #fault: string | undefined;
  #killed = false;
  #gone = false;
  /** messages that it may still send */
  #owed = UNASKED;
  /** `pid` once it was asked for after the first message: it stays the same until the end */
  #workingPid: number | undefined;
  /** threads may exist that `#listing` does not see */
  #unlisted = false;
  #listing: Promise<void> | undefined;

  private constructor(o: ChildOptions) {
    const script = scriptPath(o.script);
    const confined = o.files === undefined ? [] : [scriptPath(CONFINED), JSON.stringify(o.files), String(o.fds.length)];
    const flags = ['--no-warnings', '--disallow-code-generation-from-strings', ...permissionFlags()];
    const exit = (reason: string): void => {
      if (this.#gone) return;
      this.#gone = true;
      this.#link?.close();
      const ending = this.#cgroup?.ranOut === true ? `${reason}: it wanted more memory than its cgroup may have` : reason;
      void this.#cgroup?.remove();
      o.onExit(this.#fault ?? ending);
    };
    // Descriptors that the daemon inherited, or that a library opened without close-on-exec, must not reach the child.
    closeOnExec(LINK_FD);
    const namespaces = o.namespaces ?? isolation().namespaces;
    this.#launcher = hasLauncher(namespaces);
    this.#nice = o.nice ?? CHILD_NICE;
    this.#cgroup = childCgroups()?.leaf(o.memory);
    const started = launch(
      [...flags, ...confined, script, ...(o.args ?? [])],
      o.fds,
      { namespaces, cgroup: this.#cgroup },
      {
        failed: (error) => exit(`it could not be started: ${error.message}`),
        broken: (error) => this.kill(`its user namespace could not be made: ${error.message}`),
      },
    );
    if (started === undefined) return;
    this.#process = started.process;
    this.startedPid = this.#process.pid;
    // Processes and threads that it makes from now on inherit it.
    if (this.startedPid !== undefined) setNice(this.startedPid, this.#nice);
    let text = MAX_STDERR;
    let [since, written] = [performance.now(), 0];
    started.stderr
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        const now = performance.now();
        if (now - since > STDERR_WINDOW) [since, written] = [now, 0];
        written += bytes.length;
        if (written > STDERR_BYTES) this.kill(`it wrote more than ${STDERR_BYTES} bytes to stderr in ${STDERR_WINDOW / 1000} s`);
        if (text > 0)
          o.onText(
            bytes
              .subarray(0, text)
              .toString('latin1')
              .replace(/[^\x20-\x7e\n]/g, '?')
              .trimEnd(),
          );
        text -= bytes.length;
      });
    const deliver = (message: readonly number[]): void => {
      if (this.#killed) return;
      this.#owed -= 1;
      if (this.#owed < 0) {
        this.kill(`it says more than ${ANSWERS} messages for each that it is sent, and ${UNASKED} unasked`);
        return;
      }
      try {
        o.onMessage(message);
      } catch (error) {
        this.kill(
          error instanceof ChildProtocolError ? error.message : `what it said met a fault of the daemon: ${stackOf(error)}`,
        );
      }
    };
    this.#link = new MessageLink(started.link, deliver, (error) =>
      // When the socket merely broke, the exit that follows gives the better reason.
      this.kill(error instanceof ChildProtocolError ? error.message : undefined),
    );
    this.#process.on('exit', (code, signal) => {
      const reason = describeEnd(code, signal, this.#launcher);
      // A launcher that was killed ends before its child, which the kernel then kills. stderr closes with the last of them.
      this.#link?.close();
      // The child's last words would only be that its parent is gone.
      if (this.#launcher && signal !== null) text = 0;
      const others = this.#launcher || this.#cgroup !== undefined;
      if (others && !started.stderr.closed) started.stderr.once('close', () => exit(reason));
      else exit(reason);
    });
  }

  /** Starts a child. A failure to start comes through `onExit`, like any other end. */
  static start(o: ChildOptions): Child {
    return new Child(o);
  }

  /** Id of the process that does the work; undefined if it has not been made yet, or is gone. */
  get pid(): number | undefined {
    if (this.startedPid === undefined || this.#gone) return undefined;
    if (!this.#launcher) return this.startedPid;
    const pid = launched(this.startedPid);
    return pid === undefined || this.#cgroup?.holds(pid) === false ? undefined : pid;
  }

  /** Sends numbers; nothing happens if the child is gone. */
  send(message: readonly number[]): void {
    if (this.#link === undefined || this.#killed) return;
    this.#owed = Math.min(MOST_OWED, this.#owed + ANSWERS);
    this.#link.send(message);
    if (this.#link.backlog > MAX_BACKLOG) this.kill(`it leaves more than ${MAX_BACKLOG} bytes of what it is sent unread`);
  }

  /** Raises the memory limit, because the child now shares more memory. Call it after the child's first message. */
  allow(memory: number): void {
    if (!this.#gone) this.#cgroup?.raise(memory);
  }

  /**
   * Sets all threads that exist now, except the first, to the nice value CHILD_NICE, without the event loop waiting for the list of
   * them. What is asked for meanwhile is done once afterwards. Call it after the child's first message.
   */
  yieldThreads(): void {
    this.#unlisted = true;
    this.#listing ??= this.#listThreads().finally(() => {
      this.#listing = undefined;
    });
  }

  async #listThreads(): Promise<void> {
    while (this.#unlisted && !this.#gone) {
      this.#unlisted = false;
      this.#workingPid ??= this.pid;
      const pid = this.#workingPid;
      if (pid === undefined) return;
      let threads: string[] = [];
      try {
        threads = await readdir(`/proc/${pid}/task`);
      } catch {
        // It has just ended.
      }
      if (this.#gone) return;
      // The first thread may have started before its launcher got its nice value.
      for (const thread of threads.map(Number)) setNice(thread, thread === pid ? this.#nice : CHILD_NICE);
    }
  }

  /** Ends the child at once; `onExit` follows, with `reason` if one is given. */
  kill(reason?: string): void {
    this.#fault ??= reason;
    this.#killed = true;
    // A launcher ends by itself when its child is gone, and reports how the child ended.
    const { pid } = this;
    if (!this.#launcher || pid === undefined || !killed(pid)) this.#process?.kill('SIGKILL');
  }
}
