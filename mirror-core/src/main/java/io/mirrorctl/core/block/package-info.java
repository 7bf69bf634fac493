/** Block devices: what the engine reads and writes, and the ranges and slots it names. */
package io.mirrorctl.core.block;
