/** The import arrows of every module as rules, and the proof that each rule can fail. */
package io.mirrorctl.architecture;
