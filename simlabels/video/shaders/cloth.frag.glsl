// One suit, cut into shoes, a lower and an upper garment.
uniform vec3 top_colour;
uniform vec3 bottom_colour;
uniform vec3 shoe_colour;
uniform float sleeve;
uniform float leg_end;
uniform float waist;
uniform float neckline;
uniform vec2 neck_m; // x, z
uniform float pattern;
uniform vec2 seed;

vec3 upper() {
    if (on_limbs.x > sleeve || (on_limbs.z > neckline && distance(on_body.xz, neck_m) < 0.105))
        discard;
    if (pattern == 1.0)
        return mix(top_colour, shoe_colour, step(0.55, fract(on_body.y * 14.0 + seed.x)));
    if (pattern == 2.0) {
        vec2 check = step(0.5, fract(on_body.xy * 9.0 + seed.x));
        return mix(top_colour, bottom_colour, 0.5 * (check.x + check.y));
    }
    if (pattern == 4.0 && on_body.z > 0.0 && abs(on_body.x) < 0.11 && abs(on_limbs.z - 0.62) < 0.18)
        return mix(top_colour, vec3(0.9), step(0.5, texture(noise, (on_body.xy * 40.0 + seed) / 256.0).r));
    return top_colour;
}

void main() {
    vec3 colour;
    float gloss = 0.02;
    if (on_limbs.y > 1.88) {
        if (on_limbs.w > 0.5)
            discard;
        colour = shoe_colour;
        gloss = 0.08;
    } else if (on_limbs.x < 0.02 && on_limbs.z < waist) {
        if (on_limbs.y > leg_end)
            discard;
        float around_m = atan(on_body.x, on_body.z) * 0.3 + on_body.x;
        colour = bottom_colour * (pattern == 3.0 ? 0.9 + 0.2 * step(0.5, fract(around_m * 90.0)) : 1.0);
    } else {
        colour = upper();
    }
    show(colour * (0.85 + 0.3 * grain), gloss);
}
