// SPDX-License-Identifier: Apache-2.0
import { LabError } from './lab-error.ts';

/** A kernel of Debian's that a test guest can run. */
export interface KernelChoice {
  /** how users name it */
  readonly name: string;
  readonly architecture: 'amd64' | 'i386';
  readonly suites: readonly string[];
  /** packages that depend on the newest image and headers of this kind */
  readonly image: string;
  readonly headers: string;
}

export const KERNELS: readonly KernelChoice[] = [
  { name: '6.1', architecture: 'amd64', suites: ['bookworm'], image: 'linux-image-amd64', headers: 'linux-headers-amd64' },
  { name: '6.1-686', architecture: 'i386', suites: ['bookworm'], image: 'linux-image-686', headers: 'linux-headers-686' },
  { name: '6.12', architecture: 'amd64', suites: ['trixie'], image: 'linux-image-amd64', headers: 'linux-headers-amd64' },
  { name: '7', architecture: 'amd64', suites: ['sid'], image: 'linux-image-amd64', headers: 'linux-headers-amd64' },
];

/** The kernel of that name; throws `LabError` with the names that there are. */
export function kernelChoice(name: string): KernelChoice {
  const choice = KERNELS.find((kernel) => kernel.name === name);
  if (choice) return choice;
  throw new LabError(`there is no kernel ${name}: choose one of ${KERNELS.map((kernel) => kernel.name).join(', ')}`);
}
