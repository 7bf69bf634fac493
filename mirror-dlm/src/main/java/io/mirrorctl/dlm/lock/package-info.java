/** Lock modes and the rules by which locks are granted. */
package io.mirrorctl.dlm.lock;
