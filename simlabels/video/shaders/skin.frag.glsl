uniform vec3 skin_colour;
uniform vec3 hair_colour;
uniform vec2 hairline_m; // z, y
uniform vec2 seed;

void main() {
    vec3 skin = skin_colour * (0.9 + 0.2 * grain) * mix(vec3(1.0), paint.rgb, paint.a);
    float line_m = hairline_m.y - 0.144 * smoothstep(0.03, -0.06, on_body.z - hairline_m.x);
    float strand = texture(noise, vec2(on_body.x * 0.62, on_body.y * 0.16) + seed).r;
    bool is_hair = on_limbs.w > 0.5 && paint.a < 0.01 && on_body.y > line_m;
    show(is_hair ? hair_colour * (0.6 + 0.7 * strand) : skin, is_hair ? 0.03 : 0.06);
}
