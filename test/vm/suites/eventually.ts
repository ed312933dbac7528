// SPDX-License-Identifier: Apache-2.0
const PATIENCE = 300_000;
const PAUSE = 100;

/** Looks until something has come true, for five minutes unless told; says whether it has. */
export async function eventually(test: () => boolean | Promise<boolean>, patience = PATIENCE): Promise<boolean> {
  const deadline = performance.now() + patience;
  for (;;) {
    if (await test()) return true;
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
