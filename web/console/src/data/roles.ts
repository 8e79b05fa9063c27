/** Roles and permissions by name, read once. */
import { ref, shallowRef } from "vue";
import { api } from "@shared/api/client";
import type { Names } from "@shared/i18n/index";
import type { Roles } from "./types";

export const roles = shallowRef<Roles | null>(null);
const asked = ref(false);

export function useRoles(): { roleName: (code: string) => Names | string; permissionName: (code: string) => Names | string } {
  if (!asked.value) {
    asked.value = true;
    api.get<Roles>("/permissions").then((found) => (roles.value = found), () => (asked.value = false));
  }
  return {
    roleName: (code) => roles.value?.roles.find((one) => one.code === code)?.name ?? code,
    permissionName: (code) => roles.value?.permissions.find((one) => one.code === code)?.name ?? code,
  };
}
