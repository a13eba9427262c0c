//! Draws the anatomy, plane by plane, from the skin inwards.

pub(crate) mod canvas;

use crate::anatomy::Anatomy;
use crate::anatomy::lungs::fissure;
use crate::anatomy::torso::{Level, mediastinum, spine_y};
use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, lerp};
use crate::spec::{BodySpec, PhantomSpec};
use crate::texture::Texture;
use crate::tissue::{self, Pools};
use canvas::{Bounds, Canvas, section};

/// Draws planes of one phantom.
pub(crate) struct Scene<'a> {
    anatomy: &'a Anatomy,
    body: &'a BodySpec,
    table: bool,
    pools: Pools,
    dense: f32,
    texture: Texture,
    /// Segments of all coronary courses, for the fat around them.
    coronary_segments: Vec<(P3, P3)>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(spec: &'a PhantomSpec, anatomy: &'a Anatomy) -> Self {
        let dense = tissue::dense_factor(spec.scanner.tube_kvp);
        let coronary_segments = anatomy
            .coronaries
            .all()
            .flat_map(|c| c.points.windows(2).step_by(1).map(|w| (w[0], w[1])))
            .collect();
        Self {
            anatomy,
            body: &spec.body,
            table: spec.scan.table,
            pools: Pools::new(spec.contrast, dense),
            dense,
            texture: Texture::new(&mut Rng::new(spec.seed, 2)),
            coronary_segments,
        }
    }

    /// Draws the plane at height `z`.
    pub(crate) fn draw(&self, canvas: &mut Canvas, z: f32) {
        canvas.clear(z, tissue::AIR);
        let level = self.anatomy.torso.level(z);
        if self.table {
            self.draw_table(canvas);
        }
        self.draw_wall(canvas, &level);
        self.place_lungs(canvas, &level);
        self.draw_cavity(canvas, &level);
        self.draw_lungs(canvas, &level);
        self.draw_abdomen(canvas, &level);
        self.draw_bones(canvas);
        self.draw_heart(canvas, &level);
        self.draw_tubes(canvas);
    }

    fn draw_table(&self, canvas: &mut Canvas) {
        let back = self.anatomy.torso.level(40.0).skin;
        let top = back.middle_y + back.half_depth + 3.0;
        let upper = move |x: f32, y: f32| y - (top + 9.0 - x * x * 0.00035);
        let bounds = [[-215.0, top - 12.0], [215.0, top + 60.0]];
        let cradle =
            |x: f32, y: f32| (-upper(x, y)).max(y - top - 46.0 + x * x * 0.0004).max(x.abs() - 205.0);
        canvas.paint(bounds, cradle, |_, _| -350.0);
        canvas.paint(bounds, move |x, y| cradle(x, y) + 1.3, |_, _| -965.0);
    }

    fn draw_wall(&self, canvas: &mut Canvas, level: &Level) {
        let (torso, texture, z) = (&self.anatomy.torso, &self.texture, level.z);
        let everywhere = canvas.everywhere();
        for arm in &self.anatomy.arms {
            canvas.solid(arm, 0.0, tissue::SKIN);
            canvas.solid(arm, 1.8, tissue::FAT);
            canvas.solid(arm, 1.8 + 0.6 * self.body.fat_mm as f32, tissue::MUSCLE);
            canvas.solid(arm, 27.0, tissue::CORTEX * self.dense);
            canvas.solid(arm, 31.0, 120.0);
        }
        // Each layer is painted as a ring around what will be painted over it, which saves half of the work.
        let ring = |d: f32, next: f32| d.max(-next - 4.0);
        let skin = |x: f32, y: f32| {
            let d = torso.skin(level, x, y);
            ring(d, d)
        };
        canvas.paint(everywhere, skin, |_, _| tissue::SKIN);
        let breasts = self.body.breasts > 0.0;
        let fat = |x: f32, y: f32| {
            let p = [x, y, z];
            let strands = texture.at(p, 0.35);
            let mut hu =
                tissue::FAT + 5.0 * texture.at(p, 0.09) + if strands > 1.2 { 22.0 } else { 3.0 * strands };
            if breasts && y < -80.0 && (25.0..125.0).contains(&x.abs()) && (-60.0..45.0).contains(&z) {
                let gland = texture.at(p, 0.11) + 0.5 * texture.at(p, 0.3);
                hu = lerp(hu, 18.0, ((gland - 0.25) * 2.0).clamp(0.0, 0.9));
            }
            hu
        };
        let under_skin = |x: f32, y: f32| ring(torso.skin(level, x, y) + 1.8, torso.cavity(level, x, y));
        canvas.paint(everywhere, under_skin, fat);
        let fat_mm = torso.fat_mm;
        let muscle = |x: f32, y: f32| {
            let by_ribs = torso.cavity(level, x, y) - torso.muscle_mm(level, x, y);
            let under_fat = torso.trunk(level, x, y) + 2.0 + fat_mm * 0.55;
            ring(by_ribs.max(under_fat) + 1.5 * texture.at([x, y, z], 0.06), torso.cavity(level, x, y))
        };
        let shade = |x: f32, y: f32| {
            let p = [x, y, z];
            let depth = torso.cavity(level, x, y);
            let wobble = 1.6 * texture.at(p, 0.05);
            // Fat between the layers of muscle, over the ribs and further out.
            let seam = |at: f32| (1.0 - (depth - at - wobble).abs() / 1.5).clamp(0.0, 1.0);
            let seams = seam(9.5).max(seam(21.0) * 0.8).max(seam(33.0) * 0.7);
            let patchy = (texture.at(p, 0.08) * 0.5 + 0.75).clamp(0.0, 1.0);
            let axilla = if level.shoulder > 0.0 {
                ((texture.at(p, 0.045) - 0.55) * 3.0).clamp(0.0, 1.0) * level.shoulder
            } else {
                0.0
            };
            let streak = ((texture.at([x, y, z * 0.4], 0.28) - 1.1) * 0.8).clamp(0.0, 0.5);
            let fatty = (seams * patchy).max(axilla).max(streak);
            lerp(tissue::MUSCLE + 4.0 * texture.at(p, 0.15), tissue::FAT, fatty)
        };
        canvas.paint(everywhere, muscle, shade);
    }

    fn cavity_bounds(level: &Level) -> Bounds {
        let c = level.cavity;
        let pad = 4.0;
        [
            [-c.half_width - pad, c.middle_y - c.half_depth - pad],
            [c.half_width + pad, c.middle_y + c.half_depth + pad],
        ]
    }

    /// Finds the share of lung in each pixel.
    fn place_lungs(&self, canvas: &mut Canvas, level: &Level) {
        let mut lung = std::mem::take(&mut canvas.lung);
        let distance = |x: f32, y: f32| self.anatomy.lungs(level, [x, y, level.z]);
        canvas.cover(Self::cavity_bounds(level), distance, |offset, _, _, share| lung[offset] = share);
        canvas.lung = lung;
    }

    /// Fat of the mediastinum and the belly; everything else in the cavity is painted over it.
    fn draw_cavity(&self, canvas: &mut Canvas, level: &Level) {
        let (torso, texture, z) = (&self.anatomy.torso, &self.texture, level.z);
        let inner = self.body.inner_fat as f32;
        let shade = |x: f32, y: f32| {
            let p = [x, y, z];
            // Strands, small vessels and nodes; lean people have more of them to the millimetre of fat.
            let fine = texture.at(p, 0.22);
            let strand = ((fine - 0.9 * inner) * 70.0).clamp(0.0, 95.0);
            tissue::INNER_FAT + 6.0 * texture.at(p, 0.1) + strand
        };
        let mut plane = std::mem::take(&mut canvas.hu);
        let distance = |x: f32, y: f32| torso.cavity(level, x, y);
        canvas.cover(Self::cavity_bounds(level), distance, |offset, x, y, share| {
            if canvas.lung[offset] < 1.0 {
                plane[offset] += (shade(x, y) - plane[offset]) * share;
            }
        });
        canvas.hu = plane;
    }

    fn draw_lungs(&self, canvas: &mut Canvas, level: &Level) {
        let (anatomy, texture, z) = (self.anatomy, &self.texture, level.z);
        let bounds = Self::cavity_bounds(level);
        if self.body.effusion_mm > 0.0 && z < 60.0 {
            let torso = &anatomy.torso;
            let fluid = |x: f32, y: f32| {
                let p = [x, y, z];
                (torso.cavity(level, x, y) + 1.2)
                    .max((torso.diaphragm(x, y) - z) * 0.7)
                    .max(-mediastinum(&anatomy.heart, p))
                    .max(z - torso.effusion(y))
            };
            canvas.paint(bounds, fluid, |_, _| tissue::WATER + 4.0);
        }
        let base = self.body.lung_hu as f32;
        let [columns, rows] = canvas.pixels(bounds);
        for j in rows {
            for i in columns.clone() {
                let offset = j * canvas.size[0] + i;
                let share = canvas.lung[offset];
                if share == 0.0 {
                    continue;
                }
                let p = [canvas.x(i), canvas.y(j), z];
                let fine = texture.at(p, 0.4);
                // Dependent lung is denser; tiny vessels make the bright tail.
                let tail = (fine - 1.0).max(0.0) * 130.0;
                let mut hu = base + 0.30 * p[1] + 12.0 * fine + 14.0 * texture.at(p, 0.07) + tail;
                let near = fissure(p);
                if near < 0.8 && p[0].abs() > 35.0 {
                    hu += 110.0 * (0.8 - near);
                }
                canvas.hu[offset] += (hu - canvas.hu[offset]) * share;
            }
        }
        let pools = &self.pools;
        for (vessel, artery) in &anatomy.trees.vessels {
            canvas.solid_in_lung(vessel, if *artery { pools.pulmonary } else { pools.left });
        }
        for (wall, lumen) in &anatomy.trees.bronchi {
            canvas.solid_in_lung(wall, -20.0);
            canvas.solid_in_lung(lumen, -960.0);
        }
    }

    fn draw_abdomen(&self, canvas: &mut Canvas, level: &Level) {
        let (torso, texture, z) = (&self.anatomy.torso, &self.texture, level.z);
        let organs = &self.anatomy.abdomen;
        if z > torso.diaphragm(-58.0, -8.0) + 6.0 {
            return;
        }
        let inside = move |x: f32, y: f32, rind: f32| {
            (torso.cavity(level, x, y) + rind).max((z - torso.diaphragm(x, y) + rind) * 0.7)
        };
        let everywhere = Self::cavity_bounds(level);
        // The muscle of the diaphragm, as a rind over fat.
        canvas.paint(everywhere, |x, y| inside(x, y, 0.8), |_, _| tissue::MUSCLE - 4.0);
        let fat = |x: f32, y: f32| {
            let fine = texture.at([x, y, z], 0.2);
            tissue::INNER_FAT - 4.0 + if fine > 1.3 { 60.0 } else { 4.0 * fine }
        };
        canvas.paint(everywhere, |x, y| inside(x, y, 3.4), fat);
        let pools = &self.pools;
        let mottle = |hu: f32, amount: f32| move |x: f32, y: f32| hu + amount * texture.at([x, y, z], 0.12);
        let mut organ = |solid: &Solid, inset: f32, hu: f32, amount: f32| {
            if let Some(bounds) = section(solid, z) {
                let distance = |x: f32, y: f32| (solid.distance([x, y, z]) + inset).max(inside(x, y, 3.0));
                canvas.paint(bounds, distance, mottle(hu, amount));
            }
        };
        for kidney in &organs.kidneys {
            organ(kidney, 0.0, 32.0, 2.0);
        }
        organ(&organs.spleen, 0.0, pools.spleen, 2.0);
        organ(&organs.stomach, 0.0, 42.0, 2.0);
        organ(&organs.stomach, 4.0, tissue::STOMACH, 12.0);
        organ(&organs.stomach_gas, 0.0, -960.0, 0.0);
        for loops in &organs.colon {
            organ(loops, 0.0, 38.0, 2.0);
            organ(loops, 2.5, if loops.bounds()[0][0] > 50.0 { -800.0 } else { 5.0 }, 120.0);
        }
        for lobe in &organs.liver {
            organ(lobe, 0.0, pools.liver, 3.0);
        }
    }

    fn draw_bones(&self, canvas: &mut Canvas) {
        let (skeleton, z) = (&self.anatomy.skeleton, canvas.z);
        for (cartilage, hu) in &skeleton.cartilages {
            canvas.solid(cartilage, 0.0, *hu);
        }
        // All shells before all marrow: where bones meet, no shell may cut through the inside.
        let present: Vec<_> = skeleton.bones.iter().filter(|b| section(&b.solid, z).is_some()).collect();
        for disc in &skeleton.discs {
            canvas.solid(disc, 0.0, tissue::DISC);
        }
        for bone in &present {
            canvas.solid(&bone.solid, 0.0, bone.shell_hu * self.dense);
        }
        let texture = &self.texture;
        for bone in &present {
            if let Some(bounds) = section(&bone.solid, z) {
                let marrow = bone.marrow_hu * self.dense;
                let shade = |x: f32, y: f32| marrow + 0.22 * marrow * texture.at([x, y, z], 0.45);
                canvas.paint(bounds, |x, y| bone.solid.distance([x, y, z]) + bone.shell_mm, shade);
            }
        }
        let canal: P3 = [0.0, spine_y(z) + skeleton.canal_behind_mm, z];
        let around = |r: f32| move |x: f32, y: f32| (x - canal[0]).hypot(y - canal[1]) - r;
        let bounds = [[-12.0, canal[1] - 12.0], [12.0, canal[1] + 12.0]];
        canvas.paint(bounds, around(8.2), |_, _| 8.0);
        canvas.paint(bounds, around(4.8), |_, _| tissue::CORD);
    }

    fn draw_heart(&self, canvas: &mut Canvas, level: &Level) {
        let heart = &self.anatomy.heart;
        let z = canvas.z;
        let corners = [[-0.08, -0.08, 0.5], [1.08, -0.08, 0.5], [-0.08, 1.08, 0.5], [1.08, 1.08, 0.5]]
            .map(|n| heart.frame.chest(n));
        let low = heart.frame.chest([0.5, 0.5, -0.15])[2];
        let high = heart.frame.chest([0.5, 0.5, 1.32])[2];
        if z < low - 12.0 || z > high + 12.0 {
            return;
        }
        // A turned heart reaches a little beyond the rectangle of its middle plane.
        let pad = 10.0;
        let mut bounds = [[f32::MAX; 2], [f32::MIN; 2]];
        for c in corners {
            for k in 0..2 {
                bounds[0][k] = bounds[0][k].min(c[k] - pad);
                bounds[1][k] = bounds[1][k].max(c[k] + pad);
            }
        }
        let reach = self.anatomy.coronaries.groove_mm + 2.0;
        let near: Vec<&(P3, P3)> = self
            .coronary_segments
            .iter()
            .filter(|(a, b)| a[2].min(b[2]) - reach < z && z < a[2].max(b[2]) + reach)
            .collect();
        let groove = |p: P3| {
            let mut d = f32::MAX;
            for (a, b) in &near {
                // Segments are 1.5 mm long: their middles are near enough for the shape of a groove.
                let m = [(a[0] + b[0]) * 0.5 - p[0], (a[1] + b[1]) * 0.5 - p[1], (a[2] + b[2]) * 0.5 - p[2]];
                d = d.min(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
            }
            d.sqrt()
        };
        let (texture, pools, chambers) = (&self.texture, &self.pools, &heart.chambers);
        let sharp = 1.0 / canvas.pixel_mm;
        let share = |d: f32| (0.5 - d * sharp).clamp(0.0, 1.0);
        let [columns, rows] = canvas.pixels(bounds);
        for j in rows {
            let y = canvas.y(j);
            for i in columns.clone() {
                let p = [canvas.x(i), y, z];
                let place = heart.frame.place(p);
                if place[2] > 1.28 {
                    continue;
                }
                // A heart that lies against the wall is flat there.
                let sac = heart.sac(place).max(self.anatomy.torso.cavity(level, p[0], p[1]));
                let offset = j * canvas.size[0] + i;
                canvas.sac[offset] = sac;
                if sac > 1.0 {
                    continue;
                }
                let fine = texture.at(p, 0.25);
                let mut hu = tissue::INNER_FAT + 5.0 * texture.at(p, 0.1) + (fine - 1.1).max(0.0) * 35.0;
                // The pericardium: a line of 1.3 mm.
                hu = lerp(hu, 15.0, (1.0 - (sac + 0.9).abs() / 1.1).clamp(0.0, 0.8));
                let least_fat = heart.fat_mm + 1.5 * texture.at(p, 0.03);
                let muscle = chambers.outer(p).max(sac + least_fat.max(0.6));
                if muscle < 1.0 {
                    let muscle = muscle.max(self.anatomy.coronaries.groove_mm - groove(p));
                    hu = lerp(hu, pools.myocardium + 3.0 * fine, share(muscle));
                    // Blood fills a chamber where the wall around it is whole.
                    let lv = chambers.lv.distance(p).max(muscle + 5.0);
                    let septum = 1.0 - chambers.lv_outer.distance(p);
                    let rv = chambers
                        .rv
                        .distance(p)
                        .min(chambers.outflow.distance(p))
                        .max(muscle + 3.0)
                        .max(septum);
                    let ra = chambers.ra.distance(p).max(muscle + 1.8).max(septum);
                    let la = chambers.la.distance(p).min(chambers.appendage.distance(p)).max(muscle + 1.8);
                    for (d, blood) in
                        [(rv, pools.right), (ra, pools.right), (lv, pools.left), (la, pools.left)]
                    {
                        hu = lerp(hu, blood, share(d));
                    }
                }
                canvas.hu[offset] += (hu - canvas.hu[offset]) * share(sac);
            }
        }
    }

    /// Great vessels, airways, oesophagus and coronaries: all walls first, then what flows inside.
    fn draw_tubes(&self, canvas: &mut Canvas) {
        let (anatomy, pools) = (self.anatomy, &self.pools);
        let heart = &anatomy.heart;
        let mut tubes: Vec<(&Course, f32, f32)> = Vec::new();
        let groups: [(&[Course], f32, f32); 4] = [
            (&heart.systemic_veins, 0.8, pools.systemic_vein),
            (&heart.pulmonary_veins, 0.5, pools.left),
            (&heart.pulmonary, 1.2, pools.pulmonary),
            (&anatomy.arch_branches, 1.0, pools.left),
        ];
        for (courses, wall, hu) in groups {
            tubes.extend(courses.iter().map(|c| (c, wall, hu)));
        }
        tubes.push((&anatomy.aorta, 1.5, pools.left));
        for course in anatomy.airways.iter().chain([&anatomy.oesophagus]) {
            draw_course(canvas, course, 0.0, if course.radii.len() > 40 { 30.0 } else { tissue::OESOPHAGUS });
        }
        for course in &anatomy.airways {
            draw_course(canvas, course, -1.5, -985.0);
        }
        for (course, wall, _) in &tubes {
            draw_course(canvas, course, *wall, tissue::VESSEL_WALL);
        }
        for (course, _, hu) in &tubes {
            draw_course(canvas, course, 0.0, *hu);
        }
        for course in anatomy.coronaries.all() {
            draw_course(canvas, course, 0.6, tissue::VESSEL_WALL);
            draw_course(canvas, course, -0.2, pools.left);
        }
    }
}

fn draw_course(canvas: &mut Canvas, course: &Course, extra_mm: f32, hu: f32) {
    for solid in course.capsules(extra_mm) {
        canvas.solid(&solid, 0.0, hu);
    }
}
