/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's headers as they lie in its tree want it; those that are installed for programs do not. */
#ifndef LINUX_COMPILER_TYPES_H
#define LINUX_COMPILER_TYPES_H

#define __user

#endif
