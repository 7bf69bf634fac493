/** Who is in the cluster: joining, leaving, ejecting, leases and regroups. */
package io.mirrorctl.dlm.member;
