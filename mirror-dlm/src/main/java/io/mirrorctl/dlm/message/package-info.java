/** What nodes tell each other: broadcasts that every member of a lockspace applies in one order. */
package io.mirrorctl.dlm.message;
