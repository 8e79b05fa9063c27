/** What a credential of a device is, in words. */
import { t } from "../i18n/index";

export const PROTOCOLS: Record<string, string> = { hj212: "HJ 212", sl651: "SL 651", jtt808: "JT/T 808", gbt26875: "GB/T 26875.3" };
/** As they are offered for a number: the protocols, and platforms of others. */
export const numberKinds = (): Record<string, string> => ({ ...PROTOCOLS, outside: t("device.outsideNumber") });

export function kindOf(protocol: string): string {
  if (!protocol) return t("device.token");
  if (protocol === "mqtt-basic") return t("device.login");
  if (protocol === "x509") return t("device.certificate");
  return numberKinds()[protocol] ?? protocol;
}
