package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoLease;
import io.mirrorctl.core.block.SectorRange;
import java.util.Map;
import java.util.UUID;

/**
 * The node's lease for the members of one array, which keeps account of what was written too late.
 */
final class ArrayLease implements IoLease {
  private final LeaseGate gate;
  private final LateWrites late;
  private volatile UUID array;
  private volatile Map<String, SectorRange> harmless = Map.of();

  ArrayLease(LeaseGate gate, LateWrites late) {
    this.gate = gate;
    this.late = late;
  }

  /**
   * Nothing is written before this is known.
   *
   * @param claims where the claim blocks of each disk are: who reads one that came late knows what
   *     it is worth
   */
  void about(UUID uuid, Map<String, SectorRange> claims) {
    array = uuid;
    harmless = Map.copyOf(claims);
  }

  @Override
  public void await() throws DeviceException {
    gate.await();
  }

  @Override
  public void submit() throws DeviceException {
    gate.submit();
  }

  @Override
  public void returned() {
    gate.returned();
  }

  @Override
  public void late(String device, SectorRange range) {
    SectorRange claims = harmless.get(device);
    if (claims != null && claims.contains(range)) {
      return;
    }
    gate.late(device, range);
    UUID known = array;
    if (known != null) {
      late.add(known, device, range);
    }
  }
}
