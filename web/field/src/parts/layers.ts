/** Map data of the member's own grids, kept on the phone for use without a network. */
import { api } from "@shared/api/client";
import { NOTHING, type Collection } from "@shared/map/base";
import { keep, kept } from "../offline/db";

async function collection(key: string, read: () => Promise<Collection>): Promise<Collection> {
  try {
    const found = await read();
    await keep(key, found);
    return found;
  } catch {
    return (await kept<Collection>(key))?.value ?? NOTHING;
  }
}

export const loadGrids = (): Promise<Collection> => collection("map:grids", () => api.get<Collection>("/grids.geojson"));

let base: Promise<Collection> | null = null;

/** Roads, water and buildings in one collection; each feature's `kind` says which. Read once while the app is open. */
export function loadBase(): Promise<Collection> {
  base ??= collection("map:base", readBase).then((found) => {
    if (!found.features.length) base = null; // neither the network nor the phone had it: asked again next time
    return found;
  });
  return base;
}

async function readBase(): Promise<Collection> {
  const kinds = { roads: "road", water: "water", footprints: "building" } as const;
  const found = await Promise.all(
    Object.entries(kinds).map(async ([layer, kind]) => {
      const one = await api.get<Collection>(`/basemap/${layer}.geojson`);
      return one.features.map((feature) => ({ ...feature, properties: { ...feature.properties, kind } }));
    }),
  );
  return { type: "FeatureCollection", features: found.flat() };
}
