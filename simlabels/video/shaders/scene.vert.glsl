// Rooms and streets: flat faces, so light is reckoned at their corners, and encoded there; tiles are encoded already.
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 tint;
in float layer;
out vec3 on_tile;
out vec3 in_light;
out vec3 in_shade;
out vec3 in_shadow_map;
invariant gl_Position; // of two programs: what one has drawn the other must find at the same depth

void main() {
    gl_Position = clip_from_world * vec4(position, 1.0);
    vec3 shade = tint * ambient.rgb * (0.72 + 0.28 * normal.y);
    in_shade = sqrt(shade);
    in_light = sqrt(shade + tint * light.rgb * max(dot(normal, to_light.xyz), 0.0));
    on_tile = vec3(uv, layer);
    in_shadow_map = (shadow_from_world * vec4(position + normal * 0.015, 1.0)).xyz;
}
