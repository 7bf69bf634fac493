/**
 * What commands say: reports and their renderings, errors and exit codes, sizes, progress. Knows
 * nothing of arrays.
 */
package io.mirrorctl.cli.output;
