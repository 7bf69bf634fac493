package io.mirrorctl.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/**
 * A rule about who may use what.
 *
 * @param name says what is promised; test reports show it
 * @param rule finds the classes that break the promise
 */
public record Rule(String name, ArchRule rule) {

  /** Every class of the module (its jar, or its directory of classes) that a class comes from. */
  public static JavaClasses moduleOf(Class<?> anyClass) {
    var source = anyClass.getProtectionDomain().getCodeSource().getLocation();
    return new ClassFileImporter().importLocations(Set.of(Location.of(source)));
  }

  /** Throws an {@link AssertionError} that names every break. */
  public void check(JavaClasses classes) {
    // a package that has no class yet keeps every promise
    rule.allowEmptyShould(true).check(classes);
  }

  @Override
  public String toString() {
    return name;
  }
}
