// SPDX-License-Identifier: Apache-2.0
/** Where the child finds its socket. */
export const LINK_FD = 3;
/** Where the child finds the first of the descriptors that it was given; the others follow. */
export const FIRST_GIVEN_FD = 4;
