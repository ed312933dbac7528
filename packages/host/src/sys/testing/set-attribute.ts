// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';

const setxattr = koffi.load(null).func('int setxattr(str path, str name, str value, size_t size, int flags)');

/** Sets an extended attribute, as setfattr(1) does, which is not everywhere. False if that cannot be. */
export function setAttribute(path: string, name: string, value: string): boolean {
  return setxattr(path, name, value, value.length, 0) === 0;
}
