uniform vec3 hair_colour;
uniform float hair_end_m; // y
uniform vec2 face_m;      // z, y: the shell is closed before the face
uniform vec2 seed;

void main() {
    bool before_face = on_body.z > face_m.x && abs(on_body.x) < 0.085 && on_body.y < face_m.y;
    if (on_body.y < hair_end_m || before_face)
        discard;
    float strand = texture(noise, vec2((on_body.x * 180.0 + on_body.z * 150.0) / 256.0, on_body.y * 0.047) + seed).r;
    show(hair_colour * (0.55 + 0.8 * strand), 0.05);
}
