/**
 * Many nodes, their time, their chance and the store they share, all in one thread from one seed.
 */
package io.mirrorctl.dlm.simulation;
