// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command } from './command.ts';
import { LabError, MirrorError } from './lab-error.ts';
import type { Mirror } from './mirror.ts';

/** What a package manager of our own sees. */
export interface AptOptions {
  /** where its lists and downloads lie */
  readonly folder: string;
  readonly mirror: Mirror;
  /** Debian's name of the architecture: amd64, i386 */
  readonly architecture: string;
  /** suites of the archive; the first is preferred, others serve packages named `package/suite` and what those need */
  readonly suites: readonly string[];
}

/**
 * Debian's own package manager with lists, state and downloads of its own: as if on a machine with nothing installed. It resolves
 * dependencies, checks signatures and continues interrupted downloads; it installs nothing and needs no rights.
 */
export class Apt {
  readonly #options: AptOptions;
  readonly #archives: string;
  /** always empty: apt leaves out of a plan what it finds downloaded */
  readonly #nothing: string;

  private constructor(options: AptOptions) {
    this.#options = options;
    this.#archives = join(options.folder, 'archives');
    this.#nothing = join(options.folder, 'nothing');
  }

  /** Fetches the package lists of the suites. Throws `MirrorError`. */
  static async open(options: AptOptions): Promise<Apt> {
    const apt = new Apt(options);
    for (const folder of ['lists/partial', 'archives/partial', 'nothing/partial'])
      mkdirSync(join(options.folder, folder), { recursive: true });
    writeFileSync(join(options.folder, 'status'), '');
    const { uri, keyring } = options.mirror;
    const sources = options.suites.map((suite) => `deb [signed-by=${keyring}] ${uri} ${suite} main\n`);
    writeFileSync(join(options.folder, 'sources.list'), sources.join(''));
    await apt.#fetch(['update', '--error-on=any'], `fetching the package lists of ${options.suites.join(', ')}`);
    return apt;
  }

  /** Names of the packages that a package depends on directly. */
  async dependencies(name: string): Promise<readonly string[]> {
    const text = await this.#run('apt-cache', ['depends', '--important', name], `looking up ${name}`);
    return text.split('\n').flatMap((line) => /^ {2}Depends: (\S+)/.exec(line)?.[1] ?? []);
  }

  /** Downloads packages with everything that they need; paths of the files. `onLine` hears apt's own progress. */
  async download(names: readonly string[], onLine?: (line: string) => void): Promise<readonly string[]> {
    const plan = await this.#plan(['install', ...names]);
    await this.#fetch(['--download-only', 'install', ...names], `downloading ${names.join(' ')}`, onLine);
    return this.#paths(plan);
  }

  /** Downloads packages by themselves, without what they need. */
  async downloadOnly(names: readonly string[], onLine?: (line: string) => void): Promise<readonly string[]> {
    const plan = await this.#plan(['download', ...names]);
    await this.#fetch(['download', ...names], `downloading ${names.join(' ')}`, onLine);
    return this.#paths(plan);
  }

  /** An apt-get that needs the mirror. */
  async #fetch(args: readonly string[], what: string, onLine?: (line: string) => void): Promise<void> {
    try {
      await this.#run('apt-get', args, what, onLine);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      throw new MirrorError(
        `${error.message}\ntry again later, or name another mirror in apt's sources (now ${this.#options.mirror.uri})`,
      );
    }
  }

  /** What apt would fetch if nothing had been. */
  #plan(args: readonly string[]): Promise<string> {
    return this.#run('apt-get', ['--print-uris', ...args], `resolving ${args.join(' ')}`, undefined, this.#nothing);
  }

  #paths(plan: string): readonly string[] {
    const names = plan.split('\n').flatMap((line) => /^'[^']+' (\S+\.deb) /.exec(line)?.[1] ?? []);
    const paths = names.map((name) => join(this.#archives, basename(name)));
    const missing = paths.find((path) => !existsSync(path));
    if (missing !== undefined) throw new LabError(`apt-get did not leave ${missing}: run npm run vm:setup again`);
    return paths;
  }

  #run(
    program: string,
    args: readonly string[],
    what: string,
    onLine?: (line: string) => void,
    archives = this.#archives,
  ): Promise<string> {
    const { folder, architecture, suites } = this.#options;
    const settings = {
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'APT::Default-Release': suites[0],
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': 'root',
      'APT::Get::Assume-Yes': 'true',
      'Dir::Etc::SourceList': join(folder, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::Etc::Preferences': '/dev/null',
      'Dir::Etc::PreferencesParts': '/dev/null',
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': folder,
      'Dir::Cache::Archives': archives,
      'Debug::NoLocking': 'true',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
      'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
      // a mirror may be a frozen picture of the archive; its signature is checked all the same
      'Acquire::Check-Valid-Until': 'false',
      'Dpkg::Use-Pty': 'false',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return command(program, [...flags, ...args], { what, cwd: archives, ...(onLine && { onLine }) });
  }
}
