// SPDX-License-Identifier: Apache-2.0
/** True if `work` settled within `milliseconds`; its rejection is the caller's. What goes on all the same holds pins of the memory that it uses. */
export async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
