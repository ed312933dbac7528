/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/compiler_types.h>
