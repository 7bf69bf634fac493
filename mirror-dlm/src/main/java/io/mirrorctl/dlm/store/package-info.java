/** What the lock manager asks of ZooKeeper: versioned entries that several nodes share. */
package io.mirrorctl.dlm.store;
