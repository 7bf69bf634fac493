/** The outside world of the engine: time, threads and chance come in from here and nowhere else. */
package io.mirrorctl.core.env;
